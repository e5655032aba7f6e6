"""Who said which word: `speakers` compares voices, the other modules are the steps on the way there."""
