(element (start_tag (tag_name) @name)) @element
(element) @body
(script_element) @script
(script_element (raw_text) @script.text)
(style_element) @style
(style_element) @body
