"""A client of the prediction server: inputs from the command line, predictions, outputs to files."""
