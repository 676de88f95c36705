"""Where frames come from: one file per kind of data set."""
