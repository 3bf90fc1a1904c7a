'use strict';

// The SDK is part of Lambda's Node.js runtime.
const {DynamoDBClient} = require('@aws-sdk/client-dynamodb');
const {DynamoDBDocumentClient, GetCommand, PutCommand} = require('@aws-sdk/lib-dynamodb');
const {SFNClient, StartExecutionCommand} = require('@aws-sdk/client-sfn');

const table = DynamoDBDocumentClient.from(new DynamoDBClient());
const workflows = new SFNClient();

exports.get = async (id) => {
  const {Item} = await table.send(new GetCommand({TableName: process.env.ORDERS_TABLE, Key: {id}}));
  return Item;
};

// Stores the order and starts its fulfilment.
exports.put = async (order) => {
  await table.send(new PutCommand({TableName: process.env.ORDERS_TABLE, Item: order}));
  await workflows.send(new StartExecutionCommand({
    stateMachineArn: process.env.FULFILMENT,
    name: order.id,
    input: JSON.stringify(order),
  }));
};
