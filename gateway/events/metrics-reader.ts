import type { Metrics } from '../metrics.js';
import type { Tell } from './events.js';

/** Counts events. What has no counter is not here. */
export function metricsReader(
  metrics: Pick<Metrics, 'login' | 'refused' | 'answered' | 'cell' | 'brokered' | 'retried'>,
): Tell {
  return (event) => {
    switch (event.kind) {
      case 'login':
        return metrics.login(event.carrier, event.outcome);
      case 'refusal':
        return metrics.refused(event.code);
      case 'answered':
        return metrics.answered(event.route, event.status);
      case 'cell ended':
        return metrics.cell(event.processor, event.outcome, event.seconds);
      case 'brokered ended':
        return metrics.brokered(event.type, event.outcome, event.rows);
      case 'brokered retried':
        return metrics.retried(event.type);
    }
  };
}
