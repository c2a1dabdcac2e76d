"""Division: which photo goes to which split, so that nothing alike is on two sides."""
