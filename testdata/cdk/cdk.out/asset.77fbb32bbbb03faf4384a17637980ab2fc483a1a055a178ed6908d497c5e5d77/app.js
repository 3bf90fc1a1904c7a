const { total } = require('./lib/total');

exports.handler = async (event) => total(event.lines);
