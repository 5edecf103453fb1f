require("workerpool").worker({ echo: require("./echo.cjs").echo });
