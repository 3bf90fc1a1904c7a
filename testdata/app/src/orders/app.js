'use strict';

const {randomUUID} = require('node:crypto');
const store = require('./lib/store');
const {total} = require('./lib/pricing');

// Answers POST /orders and GET /orders/{id}.
exports.handler = async (event) => {
  const {method, path} = event.requestContext.http;
  if (method === 'POST') {
    return place(JSON.parse(event.body));
  }
  const order = await store.get(path.split('/').pop());
  return order ? reply(200, order) : reply(404, {message: 'No such order'});
};

async function place({email, lines}) {
  const cents = total(lines);
  if (cents === undefined) {
    return reply(400, {message: 'The order holds a product that we do not sell'});
  }
  const order = {id: randomUUID(), email, lines, cents, state: 'taken'};
  await store.put(order);
  return reply(201, order);
}

function reply(statusCode, body) {
  return {statusCode, headers: {'content-type': 'application/json'}, body: JSON.stringify(body)};
}
