"""What the chapter says in favour of a convolution, each claim measured in a module."""
