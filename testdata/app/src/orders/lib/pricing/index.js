'use strict';

const prices = require('./prices.json');

// The sum of an order's lines in cents; undefined if one of its products is not for sale.
exports.total = (lines) => {
  if (!lines.every(({product}) => Object.hasOwn(prices, product))) {
    return undefined;
  }
  return lines.reduce((sum, {product, quantity}) => sum + prices[product] * quantity, 0);
};
