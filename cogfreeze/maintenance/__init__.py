"""Tasks for maintainers that write files of this repository; users never run them."""
