"""The verbs of `cog`, one file each: `configure(parser)` and `run(arguments)`."""
