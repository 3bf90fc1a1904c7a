"""Tells a customer that the parcel is on its way."""

import os

import boto3

from shop import money

sns = boto3.client("sns")


def handler(order, context):
    sns.publish(
        TopicArn=os.environ["TOPIC"],
        Subject="Your order is on its way",
        Message=f"Order {order['id']} over {money.text(order['cents'])} has left the warehouse.",
        MessageAttributes={"email": {"DataType": "String", "StringValue": order["email"]}},
    )
