// TypeScript's references of a sample of definitions, one JSON object a line.
//   node typescript_references.cjs DIRECTORY ROOT COUNT < FILES
"use strict";
const fs = require("fs");
const path = require("path");
const [directory, root, count] = process.argv.slice(2);
const ts = require(path.join(directory, "node_modules", "typescript"));

const files = fs.readFileSync(0, "utf8").split("\n").filter(Boolean);
const full = files.map((name) => path.join(root, name));
const config = ["tsconfig.json", "tsconfig.base.json"].map((name) => path.join(root, name)).find(fs.existsSync);
const given = config ? ts.parseJsonConfigFileContent(ts.readConfigFile(config, ts.sys.readFile).config, ts.sys, root).options : {};
const options = {
  ...given, noLib: false, allowJs: false, jsx: ts.JsxEmit.Preserve, noEmit: true, skipLibCheck: true,
  moduleResolution: ts.ModuleResolutionKind.Bundler, module: ts.ModuleKind.ESNext, types: [],
};
const host = {
  getScriptFileNames: () => full,
  getScriptVersion: () => "1",
  getScriptSnapshot: (name) => fs.existsSync(name) ? ts.ScriptSnapshot.fromString(fs.readFileSync(name, "utf8")) : undefined,
  getCurrentDirectory: () => root,
  getCompilationSettings: () => options,
  getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
  fileExists: ts.sys.fileExists, readFile: ts.sys.readFile, readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists, getDirectories: ts.sys.getDirectories,
};
const service = ts.createLanguageService(host, ts.createDocumentRegistry());
const program = service.getProgram();

const apart = (name) => name.split("/").some((part) => /^(__tests__|tests?|examples?|docs?|benchmarks?|e2e|test-d)$|\.(test|spec|test-d|bench)\./.test(part));
const definitions = [];
for (const name of files.filter((each) => !apart(each))) {
  const source = program.getSourceFile(path.join(root, name));
  if (!source) continue;
  const visit = (node, depth) => {
    const named = ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) || ts.isEnumDeclaration(node) || ts.isMethodDeclaration(node) ||
      ts.isPropertyDeclaration(node) || (ts.isVariableDeclaration(node) && depth < 4);
    if (named && node.name && ts.isIdentifier(node.name)) definitions.push([name, node.name.getStart(source), node.name.text, source]);
    if (!ts.isFunctionLike(node) && !ts.isObjectLiteralExpression(node)) ts.forEachChild(node, (child) => visit(child, depth + 1));
  };
  visit(source, 0);
}
let seed = 1;
const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
for (let at = definitions.length - 1; at > 0; at--) {
  const other = Math.floor(random() * (at + 1));
  [definitions[at], definitions[other]] = [definitions[other], definitions[at]];
}
const place = (source, offset) => {
  const { line, character } = source.getLineAndCharacterOfPosition(offset);
  // Columns here are UTF-16 units; ours are characters.
  const before = [...source.text.slice(offset - character, offset)].length;
  return [path.relative(root, source.fileName), line + 1, before + 1];
};
for (const [name, offset, text, source] of definitions.slice(0, Number(count))) {
  const found = service.findReferences(path.join(root, name), offset) || [];
  const references = [];
  // A default export brings the references of what is exported under it elsewhere, too.
  const same = (info) => info.kind === "alias" || info.name.includes(text) || info.name.startsWith("(");
  for (const symbol of found.filter((each) => same(each.definition))) for (const each of symbol.references) {
    const where = program.getSourceFile(each.fileName);
    if (where && !each.fileName.includes("node_modules")) references.push(place(where, each.textSpan.start));
  }
  const [, line, column] = place(source, offset);
  process.stdout.write(JSON.stringify({ path: name, line, column, name: text, references }) + "\n");
}
