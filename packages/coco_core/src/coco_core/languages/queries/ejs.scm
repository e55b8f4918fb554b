(directive) @body
