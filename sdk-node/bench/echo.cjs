// What every pool calls. Its answer is what it was given.
exports.echo = (value) => value;
