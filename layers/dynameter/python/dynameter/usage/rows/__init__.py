"""What is kept: rows, their cells and epochs, and the table that holds them."""
