import Hummingbird
import LabCore

/// What travels with a request: who asks, once that is known.
struct LabRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    var caller: Caller?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
