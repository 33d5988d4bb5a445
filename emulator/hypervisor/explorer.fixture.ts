/** Test set-up: how many orders there are. */

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1)
}

/** Orders of so many steps of each side: the multinomial coefficient. */
export function multinomial(...steps: readonly number[]): number {
  return steps.reduce((left, n) => left / factorial(n), factorial(steps.reduce((sum, n) => sum + n, 0)))
}
