"""The corpora that ship: data files with their cards, and the script that checks them."""
