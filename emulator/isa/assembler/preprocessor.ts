/** The preprocessor: files to the lines that are assembled, with includes, macros, repetitions and conditions done. */
import { Conditions, parseConditionName, type ConditionDirective } from './conditions.ts'
import { Cursor, rangeOf } from './cursor.ts'
import {
  expandDefines,
  numberDefine,
  parseDefine,
  spend,
  type Define,
  type ExpansionBudget,
} from './defines.ts'
import { collectBlock, Frames, placeOf, tokenAt, type Frame } from './frames.ts'
import { Problem, type Diagnostics, type Place } from './diagnostics.ts'
import { isConstant, parseExpression, type ExpressionContext } from './expression.ts'
import { lexFile, type SourceLine, type Token } from './lexer.ts'
import {
  bindArguments,
  describeCount,
  fillIn,
  parseMacroHeader,
  selectMacro,
  splitAtCommas,
  type Macro,
  type MacroCall,
} from './macros.ts'
import { didYouMean } from './suggest.ts'

/** The preprocessor's directives, for completion and suggestions. */
export const preprocessorDirectives: readonly string[] = [
  '%assign',
  '%define',
  '%elif',
  '%elifdef',
  '%elifndef',
  '%else',
  '%endif',
  '%endmacro',
  '%endrep',
  '%error',
  '%exitrep',
  '%if',
  '%ifdef',
  '%ifempty',
  '%ifid',
  '%ifidn',
  '%ifidni',
  '%ifmacro',
  '%ifn',
  '%ifndef',
  '%ifnum',
  '%ifstr',
  '%include',
  '%macro',
  '%rep',
  '%rotate',
  '%undef',
  '%warning',
  '%xdefine',
]

/** Lines read, repetitions and macro bodies included. */
const MAX_LINES = 200_000
/** Tokens that macros may produce. */
const MAX_EXPANDED_TOKENS = 2_000_000

export interface PreprocessorHost {
  readonly files: ReadonlyMap<string, string>
  readonly diagnostics: Diagnostics
  /** The value of a symbol that `equ` made a plain number by now. */
  constant(name: string): bigint | undefined
  /** A macro may have an instruction's name and use that instruction inside. */
  isMnemonic(name: string): boolean
  /** Takes one line to assemble; it has at least one token. */
  line(place: Place, tokens: readonly Token[]): void
}

/** Reads `entry` and everything it includes. */
export function preprocess(entry: string, host: PreprocessorHost): void {
  const { diagnostics } = host
  const defines = new Map<string, Define>()
  const macros = new Map<string, Macro[]>()
  const conditions = new Conditions()
  const budget: ExpansionBudget = { tokens: MAX_EXPANDED_TOKENS }
  const frames = new Frames()
  let linesLeft = MAX_LINES
  let serial = 0

  const expand = (tokens: readonly Token[]): readonly Token[] => expandDefines(tokens, defines, budget)

  /** Expressions here may use what is known while reading: numbers, not places in the program. */
  const context: ExpressionContext = {
    registersAllowed: false,
    symbol(token) {
      const value = host.constant(token.text)
      if (value !== undefined) return { kind: 'number', value }
      throw new Problem(
        token,
        'not-known-yet',
        `the preprocessor does not know '${token.text}' here`,
        'it knows %define, %assign and earlier equ numbers, not labels',
      )
    },
    position(token) {
      throw new Problem(
        token,
        'not-known-yet',
        `the preprocessor does not know where '${token.text}' is`,
        "a size test can be written 'times LIMIT-($-$$) db 0', which fails when the code is too long",
      )
    },
  }

  const evaluateRest = (cursor: Cursor, what: string): bigint => {
    if (cursor.atEnd) cursor.fail('expression-expected', `${what} wants an expression`)
    const expanded = expand(cursor.rest())
    if (expanded.length === 0)
      cursor.fail('expression-expected', `${what} wants an expression; this one expands to nothing`)
    const inner = new Cursor(expanded)
    const expression = parseExpression(inner, context)
    inner.expectEnd()
    if (!isConstant(expression)) cursor.fail('not-known-yet', `${what} wants a number`)
    return BigInt.asIntN(64, expression.value)
  }

  function enterFile(name: string, at: Token): void {
    const text = host.files.get(name)
    if (text === undefined) {
      throw new Problem(
        at,
        'file-not-found',
        `there is no file '${name}'`,
        didYouMean(name, host.files.keys(), `the files are: ${[...host.files.keys()].join(', ')}`),
      )
    }
    const open = frames.openFiles()
    if (open.includes(name)) {
      const hint = `the chain is ${[...open, name].join(' -> ')}`
      throw new Problem(at, 'include-cycle', `'${name}' includes itself`, hint)
    }
    const lines = lexFile(name, text)
    const conditionDepth = conditions.depth
    frames.enter(
      {
        kind: 'file',
        lines,
        file: name,
        call: undefined,
        site: undefined,
        conditionDepth,
        repetitionsLeft: 0,
      },
      at,
    )
  }

  function holds(directive: ConditionDirective, line: readonly Token[]): boolean {
    const cursor = new Cursor(line, 1)
    const answer = ask(directive, cursor)
    return answer !== directive.negated
  }

  function ask({ question }: ConditionDirective, cursor: Cursor): boolean {
    if (question === '') return evaluateRest(cursor, '%if') !== 0n
    if (question === 'def' || question === 'macro') {
      const name = cursor.expectName('a name')
      return question === 'def' ? defines.has(name.text) : macros.has(name.text)
    }
    const tokens = expand(cursor.rest())
    if (question === 'idn' || question === 'idni') {
      const sides = splitAtCommas(tokens)
      if (sides.length !== 2) cursor.fail('syntax-error', 'two texts with a comma between are expected here')
      const text = (list: readonly Token[]): string =>
        list.map((t) => `${t.kind === 'string' ? 'string' : 'word'} ${t.text}`).join('\n')
      return question === 'idn'
        ? text(sides[0]) === text(sides[1])
        : text(sides[0]).toLowerCase() === text(sides[1]).toLowerCase()
    }
    if (question === 'empty') return tokens.length === 0
    const kind = question === 'num' ? 'number' : question === 'id' ? 'identifier' : 'string'
    return tokens[0]?.kind === kind
  }

  function addDefine(define: Define): void {
    defines.set(define.name, define)
  }

  function assign(cursor: Cursor): void {
    const name = cursor.expectName('the name to assign')
    addDefine(numberDefine(name, evaluateRest(cursor, '%assign')))
  }

  function repeat(frame: Frame, cursor: Cursor, opener: Token): void {
    // The body is taken first: if the count is wrong its lines must not be assembled.
    const lines = collectBlock(frame, opener, '%rep', '%endrep')
    const count = evaluateRest(cursor, '%rep')
    if (count < 0n)
      throw new Problem(opener, 'value-out-of-range', `%rep ${count}: a count cannot be negative`)
    if (count === 0n || lines.length === 0) return
    if (count > BigInt(MAX_LINES)) {
      throw new Problem(
        opener,
        'expansion-too-large',
        `%rep ${count} repeats more than ${MAX_LINES} lines`,
        "'times' repeats one instruction or datum",
      )
    }
    const repetitionsLeft = Number(count) - 1
    const conditionDepth = conditions.depth
    frames.enter({ ...frame, kind: 'repeat', lines, conditionDepth, repetitionsLeft }, opener)
  }

  function exitRepeat(token: Token): void {
    const left = frames.leaveRepetition()
    if (left === undefined) throw new Problem(token, 'unbalanced-block', '%exitrep outside %rep')
    conditions.truncate(left.conditionDepth)
  }

  function rotate(frame: Frame, cursor: Cursor, token: Token): void {
    const by = evaluateRest(cursor, '%rotate')
    if (frame.call === undefined) throw new Problem(token, 'unbalanced-block', '%rotate outside a macro')
    const list = frame.call.arguments
    if (list.length === 0) return
    const shift = Number(((by % BigInt(list.length)) + BigInt(list.length)) % BigInt(list.length))
    frame.call.arguments = [...list.slice(shift), ...list.slice(0, shift)]
  }

  /** The directives whose lines count only where conditions hold. */
  function directive(frame: Frame, place: Place, line: SourceLine, tokens: readonly Token[]): void {
    const token = tokens[0]
    const cursor: Cursor = new Cursor(tokens, 1)
    switch (token.lower) {
      case '%define': {
        addDefine(parseDefine(cursor))
        return
      }
      case '%xdefine': {
        addDefine(parseDefine(cursor, expand))
        return
      }
      case '%undef':
        return void defines.delete(cursor.expectName('a name').text)
      case '%assign': {
        assign(cursor)
        return
      }
      case '%macro': {
        const macro = parseMacroHeader({ ...line, tokens }, collectBlock(frame, token, '%macro', '%endmacro'))
        const others = (macros.get(macro.name) ?? []).filter(
          (m) => m.least !== macro.least || m.most !== macro.most,
        )
        macros.set(macro.name, [macro, ...others])
        return
      }
      case '%rep': {
        repeat(frame, cursor, token)
        return
      }
      case '%exitrep': {
        exitRepeat(token)
        return
      }
      case '%rotate': {
        rotate(frame, cursor, token)
        return
      }
      case '%include': {
        const name = cursor.peek()
        if (name === undefined || name.kind !== 'string')
          cursor.fail('syntax-error', `%include wants a file name in quotes, found ${cursor.describe()}`)
        enterFile(name.text, name)
        return
      }
      case '%error':
      case '%warning': {
        const text = cursor
          .rest()
          .map((t) => t.text)
          .join(' ')
        diagnostics.report(
          place,
          rangeOf(tokens),
          token.lower === '%error' ? 'error' : 'warning',
          `user-${token.lower.slice(1)}`,
          text || token.lower,
        )
        return
      }
      case '%endrep':
      case '%endmacro':
        throw new Problem(
          token,
          'unbalanced-block',
          `${token.text} without ${token.lower === '%endrep' ? '%rep' : '%macro'}`,
        )
    }
    throw new Problem(
      token,
      'unknown-directive',
      `'${token.text}' is not a preprocessor directive known here`,
      didYouMean(token.text, preprocessorDirectives, "for the remainder operator put a space after '%'"),
    )
  }

  /** If the line calls a macro, perhaps after a label, enters it and returns true. */
  function callMacro(frame: Frame, place: Place, tokens: readonly Token[]): boolean {
    let at = 0
    if (tokens[1]?.kind === 'operator' && tokens[1].text === ':') at = 2
    else if (
      tokens[0].kind === 'identifier' &&
      !macros.has(tokens[0].text) &&
      tokens[1]?.kind === 'identifier' &&
      !host.isMnemonic(tokens[0].lower)
    )
      at = 1
    const name = tokens.at(at)
    const overloads = name?.kind === 'identifier' ? macros.get(name.text) : undefined
    if (overloads === undefined || name === undefined) return false
    const rest = tokens.slice(at + 1)
    const given = splitAtCommas(rest)
    const macro = selectMacro(overloads, given.length)
    const isRunning = macro !== undefined && frames.isRunning(macro)
    if (isRunning || macro === undefined) {
      if (host.isMnemonic(name.lower)) return false
      if (isRunning)
        throw new Problem(
          name,
          'recursive-macro',
          `the macro '${name.text}' calls itself`,
          `it is defined at ${macro.file}:${macro.line}`,
        )
      const counts = overloads.map((m) => `${describeCount(m)} (${m.file}:${m.line})`).join(', ')
      throw new Problem(
        name,
        'wrong-argument-count',
        `the macro '${name.text}' got ${given.length} arguments; it takes ${counts}`,
      )
    }
    const label = tokens[0]
    if (at > 0) host.line(place, [label, { ...label, kind: 'operator', text: ':', lower: ':' }])
    const call: MacroCall = {
      macro,
      site: name,
      serial: ++serial,
      arguments: bindArguments(macro, given, rest),
    }
    const { body: lines, file } = macro
    const conditionDepth = conditions.depth
    const site = frame.site ?? place
    frames.enter({ kind: 'macro', lines, file, call, site, conditionDepth, repetitionsLeft: 0 }, name)
    return true
  }

  function processLine(frame: Frame, place: Place, line: SourceLine): void {
    const first = line.tokens[0]
    const condition = first.kind === 'directive' ? parseConditionName(first.lower) : undefined
    const fill = (): readonly Token[] => {
      if (frame.call === undefined) return line.tokens
      spend(budget, line.tokens.length, frame.call.site)
      return fillIn(line.tokens, frame.call)
    }
    if (condition !== undefined) {
      if (condition.isElse) conditions.alternative(tokenAt(frame, first), () => holds(condition, fill()))
      else conditions.open(place, tokenAt(frame, first), () => holds(condition, fill()))
    } else if (first.lower === '%else') {
      conditions.otherwise(tokenAt(frame, first))
    } else if (first.lower === '%endif') {
      conditions.close(tokenAt(frame, first))
    } else if (conditions.active) {
      const tokens = fill()
      if (tokens.length === 0) return
      if (tokens[0].kind === 'directive') {
        directive(frame, place, line, tokens)
        return
      }
      const expanded = expand(tokens)
      if (expanded.length > 0 && (macros.size === 0 || !callMacro(frame, place, expanded)))
        host.line(place, expanded)
    } else if (first.lower === '%macro' || first.lower === '%rep') {
      // Conditions inside a block that does not count belong to the block.
      collectBlock(
        frame,
        tokenAt(frame, first),
        first.lower,
        first.lower === '%macro' ? '%endmacro' : '%endrep',
      )
    }
  }

  const start: Token = {
    kind: 'identifier',
    text: entry,
    lower: entry,
    value: 0n,
    line: 1,
    column: 1,
    endColumn: 1,
    glued: false,
    problem: '',
  }
  diagnostics.attempt({ file: entry, line: 1, expansion: '' }, () => enterFile(entry, start))
  for (let read = frames.nextLine(); read !== undefined; read = frames.nextLine()) {
    const { line, frame } = read
    const place = placeOf(frame, line)
    if (--linesLeft < 0) {
      const at = tokenAt(frame, line.tokens[0])
      const hint = 'look for a %rep or a macro that never ends'
      diagnostics.report(
        place,
        at,
        'error',
        'expansion-too-large',
        `more than ${MAX_LINES} lines to assemble`,
        hint,
      )
      break
    }
    diagnostics.attempt(place, () => processLine(frame, place, line))
    if (budget.tokens < 0) break
  }
  for (const { place, opener } of conditions.unclosed()) {
    diagnostics.report(place, opener, 'error', 'unbalanced-block', `this ${opener.text} has no %endif`)
  }
}
