/** What /metrics says, by series as it stands there: 'chat_refusals_total{reason="400"}'. */
export async function readMetrics(url: string): Promise<Record<string, number>> {
  const response = await fetch(`${url.replace('ws:', 'http:')}/metrics`)
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}`)
  const lines = (await response.text()).split('\n').filter((line) => /^\w/.test(line))
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}
