"""What is computed: symbols, the definition, its derivatives and their closed forms. No words."""
