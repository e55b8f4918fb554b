(module name: (_) @name) @definition.module
(class name: (_) @name) @definition.class
(singleton_class) @spread
(method name: (_) @name) @definition.method
(singleton_method name: (_) @name) @definition.method
(alias name: (_) @name) @definition.method
(assignment left: (constant) @name right: (call method: (identifier) @_new block: (_))
  (#any-of? @_new "new" "define")) @definition.class
(assignment left: (constant) @name) @definition.constant
(call method: (identifier) @_attr arguments: (argument_list (simple_symbol) @name)
  (#any-of? @_attr "attr_reader" "attr_writer" "attr_accessor" "scope" "has_many" "has_one" "belongs_to")) @definition.field
(call method: (identifier) @_define arguments: (argument_list . (simple_symbol) @name)
  (#any-of? @_define "define_method" "define_singleton_method" "alias_method")) @definition.method

(body_statement) @body
(block_body) @body
(then) @body
(else) @body
(case) @body

(comment) @lead

(call method: (identifier) @_require arguments: (argument_list . (string (string_content) @import))
  (#any-of? @_require "require" "require_relative" "load"))
