"""One history on one server, judged by the model as its replies come; and made short where it diverges."""
