"""The figures of the chapter: numbers in, a matplotlib figure out."""
