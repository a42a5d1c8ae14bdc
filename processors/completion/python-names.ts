/** Names that every Python kernel knows, so that among them a user's own would be hard to find. */
const NAMES = new Set(
  `ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup BlockingIOError
   BrokenPipeError BufferError BytesWarning ChildProcessError ConnectionAbortedError ConnectionError
   ConnectionRefusedError ConnectionResetError DeprecationWarning EOFError Ellipsis EncodingWarning
   EnvironmentError Exception ExceptionGroup False FileExistsError FileNotFoundError FloatingPointError
   FutureWarning GeneratorExit IOError ImportError ImportWarning In IndentationError IndexError
   InterruptedError IsADirectoryError KeyError KeyboardInterrupt LookupError MemoryError
   ModuleNotFoundError NameError None NotADirectoryError NotImplemented NotImplementedError OSError Out
   OverflowError PendingDeprecationWarning PermissionError ProcessLookupError PythonFinalizationError
   RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
   StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError True TypeError
   UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
   UnicodeWarning UserWarning ValueError Warning WindowsError ZeroDivisionError abs aiter all and anext
   any as ascii assert async await bin bool break breakpoint bytearray bytes callable chr class
   classmethod compile complex continue copyright credits def del delattr dict dir display divmod elif
   else enumerate eval except exec exit filter finally float for format from frozenset get_ipython
   getattr global globals hasattr hash help hex id if import in input int is isinstance issubclass iter
   lambda len license list locals map max memoryview min next nonlocal not object oct open or ord pass
   pow print property quit raise range repr return reversed round set setattr slice sorted staticmethod
   str sum super try tuple type vars while with yield zip`.split(/\s+/),
);
/** IPython's own, which are things of some type as variables are. */
const IPYTHONS = new Set([
  'In',
  'Out',
  'exit',
  'quit',
  'help',
  'copyright',
  'credits',
  'license',
  'ellipsis',
]);

/**
 * Whether a kernel has a name by itself.
 * @param kind what its completer calls it: `id = 5` makes a variable, an `instance`, of a built-in's name
 */
export function isOfPython(name: string, kind: string): boolean {
  return IPYTHONS.has(name) || (NAMES.has(name) && kind !== 'instance');
}
