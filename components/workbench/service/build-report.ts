/** What the editors are told about a build. */
import type { Build, Diagnostic, LabSession } from '../../../emulator/lab/index.ts'
import { createCpuModel } from '../../../emulator/machine/index.ts'
import { failedChecks, findCheck, imageView, modelFacts } from '../../../emulator/svm/index.ts'
import * as text from '../../strings.ts'
import type { Checked } from '../protocol.ts'

/** Its diagnostics, and where the lab says so warnings of what VMRUN will refuse. */
export function describeBuild(session: LabSession, built: Build): Checked {
  const warnings =
    session.lab.reveal === 'live' && built.usable ? predictedFailures(session.lab.machine.cpu, built) : []
  return {
    usable: built.usable,
    diagnostics: [...built.diagnostics, ...warnings],
    symbols: built.program.symbols,
  }
}

/** A warning for each consistency check that a VMCB would fail as its text stands; code may still repair or break it. */
function predictedFailures(cpu: string, built: Build): Diagnostic[] {
  const facts = modelFacts(createCpuModel(cpu))
  return built.vmcbs.flatMap(({ name, text: parsed }) =>
    failedChecks(imageView(new DataView(parsed.image.buffer)), facts).map((failed) => {
      const check = findCheck(failed.id)
      const at = parsed.assignments.find((assignment) =>
        assignment.fields.some((field) => field.key === failed.field),
      )
      return {
        file: name,
        line: at?.line ?? 1,
        column: at?.nameColumn ?? 1,
        endColumn: at?.endColumn ?? 2,
        severity: 'warning' as const,
        code: failed.id,
        message: text.vmrunWillFail(check?.explanation ?? failed.id),
        hint: check?.section ?? '',
      }
    }),
  )
}
