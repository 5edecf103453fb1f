require("workerpool").worker(require("../functions.cjs"));
