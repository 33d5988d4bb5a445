/** The worker that holds the machine of one lab. */
import { expose } from 'comlink'
import { WorkbenchService } from './service/service.ts'

expose(new WorkbenchService())
