/**
 * The operations in their JSON forms, loaded when somebody first needs them. Their schemas bring a library
 * along that takes longer to load than all else of a node; programs that speak the binary protocol never
 * ask for it, and a node that starts again serves them the sooner.
 */
type Operations = typeof import('./operations.ts');

let loading: Promise<Operations> | undefined;

export function loadOperations(): Promise<Operations> {
  loading ??= import('./operations.ts');
  return loading;
}
