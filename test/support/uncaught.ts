import { join } from 'node:path';
import ts from 'typescript';

/**
 * Finds the promises whose rejection no code handles: with one, Node.js ends the process for all clients
 * (`--unhandled-rejections=throw`, its default). Biome's noFloatingPromises (2.6, nursery) takes `void promise` for handled
 * and doesn't see async listeners, so this asks TypeScript itself.
 *
 * @param files absolute paths
 * @returns `file:line: source` for each
 */
export function uncaughtPromises(root: string, files: readonly string[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const program = ts.createProgram([...files], { ...options, noEmit: true, incremental: false });
  const checker = program.getTypeChecker();
  const found: string[] = [];

  function look(node: ts.Node): void {
    if (isLost(node) || (ts.isExpression(node) && losesItsPromise(node))) {
      const source = node.getSourceFile();
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      const [text = ''] = node.getText().split('\n');
      found.push(`${source.fileName.slice(root.length + 1)}:${line + 1}: ${text}`);
    }
    ts.forEachChild(node, look);
  }

  /** An expression whose value is unused. */
  function isLost(node: ts.Node): boolean {
    if (ts.isExpressionStatement(node)) return !isCaught(node.expression);
    return ts.isVoidExpression(node) && !isCaught(node.expression);
  }

  function isCaught(expression: ts.Expression): boolean {
    if (ts.isParenthesizedExpression(expression)) return isCaught(expression.expression);
    // Kept by what it is assigned to.
    if (ts.isBinaryExpression(expression))
      return isAssignment(expression.operatorToken.kind) || isCaught(expression.right);
    if (ts.isConditionalExpression(expression))
      return isCaught(expression.whenTrue) && isCaught(expression.whenFalse);
    if (!isThenable(checker.getTypeAtLocation(expression))) return true;
    if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression))
      return false;
    const { name, expression: promise } = expression.expression;
    if (name.text === 'catch') return expression.arguments.length > 0;
    if (name.text === 'then') return expression.arguments.length > 1;
    return name.text === 'finally' && isCaught(promise);
  }

  /** A function that gives a promise to a caller that expects none: an event, a timer. */
  function losesItsPromise(expression: ts.Expression): boolean {
    const expected = checker.getContextualType(expression);
    if (expected === undefined) return false;
    const takers = [expected, ...overloadsFor(expression)].flatMap(callsOf);
    if (takers.length === 0 || !takers.every((type) => (type.flags & ts.TypeFlags.Void) !== 0)) return false;
    const { body, modifiers } = ts.isArrowFunction(expression) ? expression : {};
    // `() => work().catch(…)` gives a promise that can't reject.
    if (body && !ts.isBlock(body) && modifiers === undefined && isCaught(body)) return false;
    return callsOf(checker.getTypeAtLocation(expression)).some(isThenable);
  }

  /** What a function that is called takes in an argument's place, by each of its overloads; `finally` waits for a promise. */
  function overloadsFor(argument: ts.Expression): ts.Type[] {
    const call = argument.parent;
    if (!ts.isCallExpression(call)) return [];
    if (ts.isPropertyAccessExpression(call.expression) && call.expression.name.text === 'finally')
      return checker.getTypeAtLocation(argument).getCallSignatures().length > 0
        ? [checker.getTypeAtLocation(argument)]
        : [];
    const at = call.arguments.indexOf(argument);
    return checker
      .getTypeAtLocation(call.expression)
      .getCallSignatures()
      .flatMap(({ parameters }) => parameters[at] ?? [])
      .map((parameter) => checker.getTypeOfSymbol(parameter));
  }

  /** What a function gives; of a union, of each member. */
  function callsOf(type: ts.Type): ts.Type[] {
    return (type.isUnion() ? type.types : [type]).flatMap((member) =>
      member.getCallSignatures().map((signature) => signature.getReturnType()),
    );
  }

  function isThenable(type: ts.Type): boolean {
    return (type.isUnion() ? type.types : [type]).some((member) => {
      // With `catch`: what only has `then`, such as Fastify's replies, rejects unheard without harm.
      return member.getProperty('then') !== undefined && member.getProperty('catch') !== undefined;
    });
  }

  for (const file of files) {
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error(`TypeScript has not read ${file}`);
    look(source);
  }
  return found;
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}
