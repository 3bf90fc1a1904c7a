'use strict';

exports.handler = async (event, context) => {
  console.log('event:', JSON.stringify(event));
  return {
    message: `Hello from a function with ${context.memoryLimitInMB} MB, at ${new Date().toISOString()}`
  };
};
