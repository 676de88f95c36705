"""What a training gave, as one page that needs nothing else; several runs are put side by side."""
