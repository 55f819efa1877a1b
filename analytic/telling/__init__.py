"""What is told: the results of the calculus as a document of sentences, formulas and grids."""
