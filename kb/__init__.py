"""What people know: sheets (fiches) in Markdown, their import, search and rendering."""
