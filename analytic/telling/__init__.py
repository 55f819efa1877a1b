"""The derivation in words: what is calculated as a document of sentences, formulas and grids."""
