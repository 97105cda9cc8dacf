import Foundation
import LabCore
import LabService
import Testing

@testable import lab

@Suite("The committed description of the API")
struct OpenAPITests {
    @Test("it is what the code says now: else run Tests/run --update-openapi")
    func isFresh() throws {
        #expect(try Repository.text("docs/openapi/lab.json") == OpenAPIText.text(of: labServices))
        for service in labServices {
            #expect(
                try Repository.text("docs/openapi/\(service.name).json") == OpenAPIText.text(of: [service]),
                "\(service.name)")
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path + "/docs/openapi")
        #expect(Set(files) == Set(labServices.map { "\($0.name).json" } + ["lab.json"]))
    }

    @Test("it has every operation, with an answer and the form of problems")
    func isWhole() throws {
        let document = try OpenAPI(of: labServices).document
        #expect(document["openapi"] == "3.1.0")
        for declaration in labOperations.map({ $0.declaration }) {
            let operation = document["paths"]?[declaration.path]?[declaration.method.rawValue.lowercased()]
            #expect(operation?["operationId"] == .string(declaration.name))
            #expect(operation?["responses"]?[String(declaration.successStatus)] != nil, "\(declaration.name)")
            #expect(operation?["responses"]?["default"]?["content"]?["application/problem+json"] != nil)
        }
    }
}
