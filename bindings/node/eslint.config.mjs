// What ./dev lint asks of the JavaScript in this tree. The rules are named one by one, so that they do not depend on a
// file beside eslint.
const errors = (...rules) => Object.fromEntries(rules.map((rule) => [rule, 'error']));

// What Node.js has without an import.
const globals = Object.fromEntries(
  [
    'AbortController', 'AbortSignal', 'Buffer', 'clearTimeout', 'console', 'performance', 'process', 'queueMicrotask',
    'setImmediate', 'setInterval', 'clearInterval', 'setTimeout', 'structuredClone',
  ].map((name) => [name, 'readonly']),
);
const modules = { require: 'readonly', module: 'writable', __dirname: 'readonly', __filename: 'readonly' };

const rules = {
  ...errors(
    'array-callback-return', 'constructor-super', 'default-case-last', 'for-direction', 'getter-return',
    'no-async-promise-executor', 'no-class-assign', 'no-compare-neg-zero', 'no-cond-assign', 'no-const-assign',
    'no-constant-binary-expression', 'no-constant-condition', 'no-constructor-return', 'no-control-regex',
    'no-debugger', 'no-dupe-args', 'no-dupe-class-members', 'no-dupe-else-if', 'no-dupe-keys', 'no-duplicate-case',
    'no-eval', 'no-ex-assign', 'no-extend-native', 'no-fallthrough', 'no-func-assign', 'no-global-assign',
    'no-implied-eval', 'no-import-assign', 'no-invalid-regexp', 'no-loss-of-precision', 'no-redeclare',
    'no-self-assign', 'no-self-compare', 'no-shadow-restricted-names', 'no-sparse-arrays',
    'no-template-curly-in-string', 'no-this-before-super', 'no-throw-literal', 'no-undef', 'no-unreachable',
    'no-unsafe-finally', 'no-unsafe-negation', 'no-unsafe-optional-chaining', 'no-unused-private-class-members',
    'no-unused-vars', 'no-useless-catch', 'no-useless-escape', 'no-useless-rename', 'no-var', 'prefer-const',
    'prefer-promise-reject-errors', 'prefer-rest-params', 'require-yield', 'strict', 'use-isnan', 'valid-typeof',
  ),
  eqeqeq: ['error', 'smart'],
  'no-use-before-define': ['error', { functions: false }],
};

export default [
  {
    files: ['**/*.js'],
    languageOptions: { sourceType: 'commonjs', ecmaVersion: 2022, globals: { ...globals, ...modules } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules,
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { sourceType: 'module', ecmaVersion: 2022, globals },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules,
  },
];
