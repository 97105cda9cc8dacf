import LabCore
import LabService
import Testing

@testable import lab

@Suite("The rules of operations")
struct OperationRuleTests {
    private var declarations: [OperationDeclaration] { labOperations.map { $0.declaration } }

    @Test("every name is there once, dotted and in lower case")
    func names() {
        let names = declarations.map(\.name)
        #expect(Set(names).count == names.count, "\(names.sorted())")
        for name in names {
            #expect(name.wholeMatch(of: /[a-z]+(\.[a-z]+)+/) != nil, "\(name)")
        }
    }

    @Test("every method and path is there once")
    func paths() {
        // A parameter's name does not tell two paths apart.
        let routes = declarations.map { "\($0.method.rawValue) \($0.path.replacing(/\{[^}]*\}/, with: "{}"))" }
        #expect(Set(routes).count == routes.count, "\(routes.sorted())")
    }

    @Test("every summary is one sentence that ends with a period")
    func summaries() {
        for declaration in declarations {
            #expect(declaration.summary.hasSuffix("."), "\(declaration.name): \(declaration.summary)")
            #expect(declaration.summary.first?.isUppercase == true, "\(declaration.name): \(declaration.summary)")
        }
    }

    @Test("every documented field exists, and every field of an input is documented")
    func fields() throws {
        for operation in labOperations {
            let declaration = operation.declaration
            let schema = try operation.inputSchema()
            for pointer in declaration.fields.keys {
                #expect(schema.at(pointer) != nil, "\(declaration.name) documents \(pointer), which it does not take")
            }
            let pathParameters = Set(declaration.pathParameters)
            let known = Set(schema.properties.map(\.name))
            #expect(pathParameters.isSubset(of: known), "\(declaration.name) has no input for its path's parameters")
            for property in schema.properties where !pathParameters.contains(property.name) && property.name != "body" {
                #expect(property.schema.summary != nil, "\(declaration.name) does not document \(property.name)")
            }
            for property in schema.property("body")?.properties ?? [] {
                #expect(property.schema.summary != nil, "\(declaration.name) does not document body/\(property.name)")
            }
        }
    }

    @Test("an operation that takes something away is DELETE or says so, and reading is GET, or POST with a body")
    func safety() throws {
        for operation in labOperations {
            let declaration = operation.declaration
            let hasBody = try operation.inputSchema().property("body") != nil
            let isReading = declaration.safety == .read
            #expect((declaration.method == .get) == (isReading && !hasBody), "\(declaration.name)")
            if isReading, hasBody { #expect(declaration.method == .post, "\(declaration.name)") }
            if declaration.method == .delete { #expect(declaration.safety == .destructive, "\(declaration.name)") }
        }
    }
}

extension JSONSchema {
    /// The schema at a pointer without its leading slash, as ``OperationDeclaration/fields`` has them.
    fileprivate func at(_ pointer: String) -> JSONSchema? {
        pointer.split(separator: "/").reduce(self) { schema, name in
            if name == "*", case .array(let items, _, _)? = schema?.shape { return items }
            return schema?.property(String(name))
        }
    }
}
