exports.greet = () => 'hello';
