"""The node's HTTP face: thin, over the node's commands and the views. `app` has the routes, `problem` the errors."""
