"""The command line: a file a command group. `output` alone writes stdout, `messages` stderr, `edge` ends it."""
