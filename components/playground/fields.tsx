/** The fields of the machine, and those of an image. A change makes another machine. */
import type { Image } from '../../emulator/lab/index.ts'
import * as text from '../strings.ts'
import { DraftInput } from '../workbench/draft-input.tsx'
import { count } from '../workbench/format.ts'
import { NumberInput } from '../workbench/number-input.tsx'
import type { Playground } from './playground.ts'
import {
  CPU_COUNTS,
  L0_FILE,
  LIMITS,
  LONGEST_COMMAND_LINE,
  MEMORY_SIZES,
  MOST_ADDRESS,
  MOST_SEED,
  STARTS,
  type Project,
} from './project.ts'

interface ChoiceProps<T> {
  readonly label: string
  readonly value: T
  readonly choices: readonly { readonly id: T; readonly label: string }[]
  readonly onChoose: (value: T) => void
}

function Choice<T extends string | number>({ label, value, choices, onChoose }: ChoiceProps<T>) {
  return (
    <label>
      <span>{label}</span>
      <select
        value={value}
        onChange={({ currentTarget }) => {
          const choice = choices[currentTarget.selectedIndex]
          if (choice !== undefined) onChoose(choice.id)
        }}
      >
        {choices.map((choice) => (
          <option key={choice.id} value={choice.id}>
            {choice.label}
          </option>
        ))}
      </select>
    </label>
  )
}

const MEMORY = MEMORY_SIZES.map((id) => ({ id: id, label: text.mebibytes(id) }))
const CPUS = CPU_COUNTS.map((id) => ({ id, label: String(id) }))
const INSTRUCTIONS = LIMITS.map((id) => ({ id: id, label: count(id) }))
const POLICIES = [
  { id: 'lazy', label: text.neverUsesCache },
  { id: 'aggressive', label: text.alwaysUsesCache },
  { id: 'random', label: text.usesCacheAtRandom },
] as const

export function OptionFields({
  playground,
  project,
}: {
  readonly playground: Playground
  readonly project: Project
}) {
  const { options, files, image } = project
  const hasL0 = image === undefined && files.some(({ name }) => name === L0_FILE)
  return (
    <fieldset class="pg-options">
      <legend>{text.machine}</legend>
      <Choice
        label={text.memory}
        value={options.memory}
        choices={MEMORY}
        onChoose={(memory) => void playground.setOptions({ memory })}
      />
      <Choice
        label={text.processors}
        value={options.cpus}
        choices={CPUS}
        onChoose={(cpus) => void playground.setOptions({ cpus })}
      />
      {image?.kind !== 'multiboot' && (
        <Choice
          label={text.beginsIn}
          value={options.start}
          choices={STARTS}
          onChoose={(start) => void playground.setOptions({ start })}
        />
      )}
      <Choice
        label={text.usesStateCache}
        value={options.stateCache}
        choices={POLICIES}
        onChoose={(stateCache) => void playground.setOptions({ stateCache })}
      />
      <Choice
        label={text.instructionsAtMost}
        value={options.limit}
        choices={INSTRUCTIONS}
        onChoose={(limit) => void playground.setOptions({ limit })}
      />
      <label>
        <span>{text.seed}</span>
        <NumberInput
          class="pg-seed"
          inputMode="numeric"
          value={String(options.seed)}
          most={BigInt(MOST_SEED)}
          onNumber={(seed) => void playground.setOptions({ seed: Number(seed) })}
        />
      </label>
      <label class="pg-check" title={hasL0 ? text.noCachesWithL0 : undefined}>
        <input
          type="checkbox"
          checked={options.caches && !hasL0}
          disabled={hasL0}
          onChange={({ currentTarget }) => void playground.setOptions({ caches: currentTarget.checked })}
        />
        <span>{text.cachesAndBus}</span>
      </label>
    </fieldset>
  )
}

export function ImageFields({
  playground,
  image,
}: {
  readonly playground: Playground
  readonly image: Image
}) {
  return (
    <fieldset class="pg-image">
      <legend>{image.name}</legend>
      {image.kind === 'multiboot' ? (
        <label>
          <span>{text.commandLine}</span>
          <DraftInput
            class="pg-command-line"
            maxLength={LONGEST_COMMAND_LINE}
            value={image.commandLine}
            onEnter={(commandLine) => {
              void playground.setImage({ commandLine })
              return undefined
            }}
          />
        </label>
      ) : (
        <label>
          <span>{text.address}</span>
          <NumberInput
            value={`${image.address.toString(16)}h`}
            most={BigInt(MOST_ADDRESS)}
            onNumber={(address) => void playground.setImage({ address: Number(address) })}
          />
        </label>
      )}
      <button type="button" class="wb-button" onClick={() => void playground.closeImage()}>
        {text.backToTexts}
      </button>
    </fieldset>
  )
}
