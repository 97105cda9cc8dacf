import HTTPTypes
import Hummingbird

/// Answers `/healthz` before any routing, authentication or measuring: it says that this process answers, and is asked
/// by every proxy and supervisor. Other methods than GET go the common way.
struct HealthResponder: HTTPResponder {
    typealias Context = LabRequestContext

    private static let path = "/healthz"
    private static let answer = Response.text("ok\n", contentType: "text/plain")

    private let next: RouterResponder<LabRequestContext>

    init(before next: RouterResponder<LabRequestContext>) {
        self.next = next
    }

    func respond(to request: Request, context: LabRequestContext) async throws -> Response {
        if request.method == .get, request.uri.path == Self.path { return Self.answer }
        return try await next.respond(to: request, context: context)
    }
}
