/// Asks a resolver over DNS, all questions at once; the answers come in the questions' order.
protocol Questioner: Sendable {
    func answer(_ questions: [Question]) async -> [Result<Answer, ResolverError>]
}
