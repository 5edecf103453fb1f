const { listeners, onShutdown } = require("./shared.cjs");

module.exports = { listeners, onShutdown };
