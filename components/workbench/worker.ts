/** The worker that holds the machine of one lab. */
import { expose } from 'comlink'
import { WorkbenchService } from './service.ts'

expose(new WorkbenchService())
