package packager_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/symphoniacloud/multi-region-codepipeline/packager"
	"github.com/symphoniacloud/multi-region-codepipeline/packager/problem"
)

// A plan says, without any request, what a run will store where.
func ExampleNewPlan() {
	plan, err := packager.NewPlan(context.Background(), packager.Options{
		TemplateFile: "../testdata/app/template.yaml",
		Stores: []packager.Store{
			{Region: "us-east-1", Bucket: "artifacts-us-east-1"},
			{Region: "us-west-2", Bucket: "artifacts-us-west-2"},
		},
	})
	if err != nil {
		for _, err := range problem.Errors(err) {
			log.Print(err)
		}
		return
	}
	for _, a := range plan.Artifacts {
		fmt.Println(a.References[0], a.Files)
	}
	// Output:
	// ShopApi.DefinitionUri 1
	// OrdersFunction.CodeUri 6
	// Fulfilment.DefinitionUri 1
	// NotifyFunction.CodeUri 1
	// ReportFunction.Code 2
	// ShopLayer.ContentUri 2
}

// Package returns the packaged templates; it is the caller who writes them.
func ExamplePackage() {
	result, err := packager.Package(context.Background(), packager.Options{
		Stores: []packager.Store{{Region: "us-east-1", Bucket: "artifacts-us-east-1"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range result.Templates {
		if err := os.WriteFile("packaged-"+t.Region+".yaml", t.Body, 0o600); err != nil {
			log.Fatal(err)
		}
	}
}
