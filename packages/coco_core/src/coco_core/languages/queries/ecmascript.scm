(function_declaration name: (identifier) @name) @definition.function
(generator_function_declaration name: (identifier) @name) @definition.function
(function_expression name: (identifier) @name) @definition.inner
(class_declaration name: (_) @name) @definition.class
(class name: (_) @name) @definition.class
(method_definition name: (_) @name) @definition.method

; const f = () => {}, f = function () {}
(lexical_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @definition.function
(variable_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)])) @definition.function
(lexical_declaration (variable_declarator name: (identifier) @name value: (class))) @definition.class
; const f = memo(() => {}), const f = useCallback(function () {})
(program (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(arrow_function) (function_expression)])))) @definition.function)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name
  value: (call_expression arguments: (arguments . [(arrow_function) (function_expression)])))) @definition.function))

; module constants
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.constant)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @definition.constant)
(program (export_statement (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.constant))

; exports.f = () => {}, module.exports.f = ..., App.prototype.f = ..., app.f = ...
(assignment_expression
  left: (member_expression object: (identifier) @_exports property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)] (#eq? @_exports "exports")) @definition.function
(assignment_expression
  left: (member_expression
    object: (member_expression object: (identifier) @_module) property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)] (#eq? @_module "module")) @definition.function
(assignment_expression
  left: (member_expression
    object: (member_expression object: (identifier) @scope property: (_) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)] (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: (member_expression object: (identifier) @scope property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)] (#not-any-of? @scope "exports" "module")) @definition.function
(assignment_expression left: (identifier) @name
  right: [(arrow_function) (function_expression)]) @definition.function

; object members
(pair key: (property_identifier) @name value: [(arrow_function) (function_expression)]) @definition.function

(statement_block) @body
(class_body) @body
(object) @body
(switch_body) @body

(comment) @lead
(decorator) @lead

(import_statement source: (string (string_fragment) @import))
(export_statement source: (string (string_fragment) @import))
(call_expression function: (identifier) @_require
  arguments: (arguments . (string (string_fragment) @import)) (#eq? @_require "require"))
