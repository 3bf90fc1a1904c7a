exports.handler = async () => 'built';
