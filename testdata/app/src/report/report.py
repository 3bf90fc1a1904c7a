"""Logs how many orders there are, and what they are worth together."""

import os

import boto3

from shop import money

from states import by_state

orders = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])


def handler(event, context):
    page = orders.scan()
    items = page["Items"]
    while "LastEvaluatedKey" in page:
        page = orders.scan(ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    for state, group in by_state(items).items():
        print(f"{state}: {len(group)} orders, {money.text(sum(o['cents'] for o in group))}")
