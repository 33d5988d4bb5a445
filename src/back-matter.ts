// The glossary and the sources as the pages show them.
import glossaryYaml from '../content/glossary.yaml?raw'
import sourcesYaml from '../content/sources.yaml?raw'
import { parseGlossary, parseSources, type Source, type Term } from './references.ts'

export const SOURCES: readonly Source[] = parseSources(sourcesYaml)

export const GLOSSARY: readonly Term[] = parseGlossary(glossaryYaml, SOURCES)
