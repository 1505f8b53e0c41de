import { onTestFinished } from 'vitest'
import { Device } from './device.ts'

/** A device that does not outlive its test. */
export class TestDevice extends Device {
  constructor(userId: number) {
    super(userId)
    onTestFinished(() => this.disconnect())
  }
}
