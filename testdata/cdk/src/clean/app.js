exports.handler = async () => 'clean';
